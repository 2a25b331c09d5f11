// cachemodel: classes with to_json need <cachemodel/json.hpp>.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member's type cannot be stored; make it a plain struct, include
// expect: <cachemodel/json.hpp> if it has to_json and from_json, or write Binary<T> if cereal
// expect: knows it
#include <cachemodel/cachemodel.hpp>
#ifndef CACHEMODEL_MISTAKE
#include <cachemodel/json.hpp>
#endif

#include <nlohmann/json.hpp>

using namespace cachemodel;

class Colour {
 public:
    Colour() = default;
    explicit Colour(int rgb) : rgb_(rgb) {}
    int rgb() const { return rgb_; }

 private:
    int rgb_ = 0;
};

inline void to_json(nlohmann::json& json, const Colour& colour) { json = colour.rgb(); }
inline void from_json(const nlohmann::json& json, Colour& colour) {
    colour = Colour{json.get<int>()};
}

struct User {
    Key<int> id;
    Field<Colour> colour;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
