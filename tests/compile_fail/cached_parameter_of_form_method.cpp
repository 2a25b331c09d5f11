// cachemodel: a parameter of a method of a form may not be a pointer either.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer is no part of a key; write the value, std::string, std::string_view
// expect: or std::optional
#include <cachemodel/cachemodel.hpp>

#include <optional>
#include <string>

using namespace cachemodel;

struct Search {
    std::string text;
    struct Data {
        std::string text;
    };
    Data cleaned_data() const { return {text}; }
#ifdef CACHEMODEL_MISTAKE
    int matches(const int* most) const;
#else
    int matches(std::optional<int> most) const;
#endif
};

const CachedFormMethod<&Search::matches> matches;

void use() { (void)matches({"Ada"}, {}); }
