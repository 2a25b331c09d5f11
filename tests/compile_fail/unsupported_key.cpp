// cachemodel: a class that nothing turns into a key is no key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: this type cannot be a Key; give it a to_cache_key(const T&) beside it
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Colour {
 public:
    Colour() = default;
    explicit Colour(int rgb) : rgb_(rgb) {}
    int rgb() const { return rgb_; }

 private:
    int rgb_ = 0;
};

#ifndef CACHEMODEL_MISTAKE
inline int to_cache_key(const Colour& colour) { return colour.rgb(); }
#endif

struct Paint {
    Key<Colour> colour;
    Field<int> litres;
};

void use() {
    CacheModel paint{Paint{.colour = Colour{0xff0000}}};
    paint.save();
    CacheModel<Paint>::get(Colour{0xff0000});
}
