// cachemodel: a cached method of a form is const.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a cached method does not run where its result is in the cache; declare it
// expect: const, without volatile, && and C variadic parameters
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Search {
    std::string text;
    struct Data {
        std::string text;
    };
    Data cleaned_data() const { return {text}; }
#ifdef CACHEMODEL_MISTAKE
    int matches();
#else
    int matches() const;
#endif
};

const CachedFormMethod<&Search::matches> matches;

void use() { (void)matches({"Ada"}); }
