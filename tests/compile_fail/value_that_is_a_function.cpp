// cachemodel: what is a value and a function is neither for get_or_set.
// SPDX-License-Identifier: MIT
// expect: cachemodel: get_or_set cannot tell whether this is the value or the function that makes
// expect: it: give it a lambda that returns the one that is meant
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Percent {
    int number = 0;
    double operator()() const { return number / 100.0; }
};

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    (void)cache.get_or_set("k", Percent{50});
#else
    (void)cache.get_or_set("k", [] { return Percent{50}; });
#endif
}
