// cachemodel: a data member of a form is no method.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a CachedMethod is about a pointer to a method that is not static, &C::f; for
// expect: other functions write CachedFunction<&f>
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
};

#ifdef CACHEMODEL_MISTAKE
const CachedFormMethod<&Search::text> matches;
#else
const CachedFormMethod<&Search::matches> matches;
#endif

void use(const Search& search) { (void)matches(search); }
