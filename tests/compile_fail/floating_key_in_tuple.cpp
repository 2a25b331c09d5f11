// cachemodel: a floating-point number is no key inside of a tuple either.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a floating-point number is no key: equal values may differ in their bits;
// expect: write an integer, a string or a duration
#include <cachemodel/cachemodel.hpp>

#include <tuple>

using namespace cachemodel;

struct Place {
#ifdef CACHEMODEL_MISTAKE
    Key<std::tuple<int, double>> position;
#else
    Key<std::tuple<int, int>> position;
#endif
    Field<int> height;
};

void use() {
    CacheModel place{Place{}};
    place.save();
    CacheModel<Place>::get(place);
}
