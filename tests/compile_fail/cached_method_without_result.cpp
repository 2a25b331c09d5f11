// cachemodel: a method without a result has nothing to be cached.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a method or function that returns void has nothing to be cached; return the
// expect: value that it computes
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    std::string address;
#ifdef CACHEMODEL_MISTAKE
    void clean() const;
#else
    int clean() const;
#endif
};

const CachedMethod<&Home::clean, &Home::address> clean;

void use(const Home& home) { (void)clean(home); }
