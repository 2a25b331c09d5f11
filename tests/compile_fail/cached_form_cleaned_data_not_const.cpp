// cachemodel: the cleaned data of a form come from a const method.
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
#ifdef CACHEMODEL_MISTAKE
    Data cleaned_data() { return {text}; }
#else
    Data cleaned_data() const { return {text}; }
#endif
    int matches() const;
};

const CachedFormMethod<&Search::matches> matches;

void use(const Search& search) { (void)matches(search); }
