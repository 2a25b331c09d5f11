// cachemodel: the is_valid of a form can be called without arguments.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a form has a public const method cleaned_data() without parameters; its
// expect: is_valid(), if there is one, is such a method too and gives a bool
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Search {
    std::string text;
    struct Data {
        std::string text;
    };
    Data cleaned_data() const { return {text}; }
    int matches() const;
#ifdef CACHEMODEL_MISTAKE
    bool is_valid(int page) const;
    bool is_valid(const std::string& language) const;
#else
    bool is_valid() const;
    bool is_valid(const std::string& language) const;
#endif
};

const CachedFormMethod<&Search::matches> matches;

void use(const Search& search) { (void)matches(search); }
