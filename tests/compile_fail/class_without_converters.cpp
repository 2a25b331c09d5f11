// cachemodel: a class that nothing can take apart cannot be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member's type cannot be stored; make it a plain struct, include
// expect: <cachemodel/json.hpp> if it has to_json and from_json, or write Binary<T> if cereal
// expect: knows it
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

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<Colour> colour;
#else
    Field<int> colour;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
