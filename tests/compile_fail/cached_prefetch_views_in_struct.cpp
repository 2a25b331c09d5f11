// cachemodel: prefetch does not copy structs with views from a range that does not keep them.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes views inside of arguments only from a container, whose
// expect: elements are exactly the parameter, or a std::tuple of exactly all of them: converted or
// expect: copied, they would show texts that are gone
#include <cachemodel/cachemodel.hpp>

#include <iterator>
#include <string_view>
#include <vector>

using namespace cachemodel;

struct Name {
    std::vector<std::string_view> parts;
};
int length(const Name& name);

const CachedFunction<&length> cached_length;

struct Names {
    struct Iterator {
        int at;
#ifdef CACHEMODEL_MISTAKE
        Name operator*() const;
#else
        const Name& operator*() const;
#endif
        Iterator& operator++();
        Iterator operator++(int);
        bool operator==(const Iterator&) const = default;
        using difference_type = int;
        using value_type = Name;
        using iterator_category = std::forward_iterator_tag;
        using reference = const Name&;
        using pointer = const Name*;
    };
    Iterator begin() const;
    Iterator end() const;
};

void use(const Names& names) { (void)cached_length.prefetch(names); }
