// cachemodel: a duration of fractions is no key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a floating-point number is no key: equal values may differ in their bits;
// expect: write an integer, a string or a duration
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;

struct Place {
#ifdef CACHEMODEL_MISTAKE
    Key<std::chrono::duration<double>> position;
#else
    Key<std::chrono::seconds> position;
#endif
    Field<int> height;
};

void use() {
    CacheModel place{Place{}};
    place.save();
    CacheModel<Place>::get(place);
}
