// cachemodel: the cleaned data of a form may not hold a C array.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a C array can be neither in a result nor in a key; write std::array or
// expect: std::vector
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

struct Search {
    int first = 0;
    int last = 0;
    struct Data {
#ifdef CACHEMODEL_MISTAKE
        int limits[2];
#else
        std::array<int, 2> limits;
#endif
    };
    Data cleaned_data() const { return {{first, last}}; }
    int matches() const;
};

const CachedFormMethod<&Search::matches> matches;

void use() { (void)matches({1, 9}); }
