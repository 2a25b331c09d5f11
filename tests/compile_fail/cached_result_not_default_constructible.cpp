// cachemodel: a result is read back into an empty one.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result is given to several callers and read back: its type must be copyable
// expect: and have a default constructor
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Colour {
 public:
    explicit Colour(int number) : rgb(number) {}
    int rgb;
};

struct Home {
    int number = 0;
#ifdef CACHEMODEL_MISTAKE
    Colour owner() const;
#else
    int owner() const;
#endif
    static const CachedMethod<&Home::owner, &Home::number> cached_owner;
};

const CachedMethod<&Home::owner, &Home::number> Home::cached_owner;

void use(const Home& home) { (void)Home::cached_owner(home); }
