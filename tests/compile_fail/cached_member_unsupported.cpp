// cachemodel: a chosen member may not be of a class that nothing can take apart.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a parameter, a chosen member or cleaned data has a type that cannot be part
// expect: of a key; give it a to_cache_key(const T&) beside it
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Colour {
 public:
    int rgb() const { return rgb_; }

 private:
    int rgb_ = 0;
};

struct Home {
    int number = 0;
    Colour colour;
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::colour> rooms;
#else
const CachedMethod<&Home::rooms, &Home::number> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
