// cachemodel: a model needs a value for every member.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model can be made empty and assigned to; no member is const or a
// expect: reference, and one without a default value is written as std::optional
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Colour {
 public:
    explicit Colour(int number) : rgb(number) {}
    int rgb;
};

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Colour colour;
#else
    int colour = 0;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel<User>::find(1);
}
