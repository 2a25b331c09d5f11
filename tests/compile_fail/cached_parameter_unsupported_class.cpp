// cachemodel: a parameter may not be of a class that nothing can take apart.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a parameter, a chosen member or cleaned data has a type that cannot be part
// expect: of a key; give it a to_cache_key(const T&) beside it
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Colour {
 public:
    Colour() = default;
    int rgb() const { return rgb_; }

 private:
    int rgb_ = 0;
};

#ifdef CACHEMODEL_MISTAKE
int rooms_of(const Colour& colour);
#else
int rooms_of(int colour);
#endif

const CachedFunction<&rooms_of> rooms;

void use() { (void)rooms({}); }
