// cachemodel: a Reference stores its target's keys, so a target's keys can be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Reference stores its target's keys, and one of them has a to_cache_key but
// expect: cannot be stored
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

inline int to_cache_key(const Colour& colour) { return colour.rgb(); }

struct Paint {
    Key<Colour> colour;
    Field<int> litres;
};

struct Shelf {
    Key<int> number;
#ifdef CACHEMODEL_MISTAKE
    Reference<Paint> paint;
#else
    Field<int> paint;
#endif
};

void use() {
    CacheModel<Paint>::get(Colour{0xff0000});
    CacheModel<Shelf>::get(1);
    CacheModel shelf{Shelf{}};
    shelf.save();
}
