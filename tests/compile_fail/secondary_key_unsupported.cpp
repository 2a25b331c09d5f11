// cachemodel: what a secondary key is made of can be a key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: this type cannot be part of a secondary key; give it a to_cache_key(const T&)
// expect: beside it
#include <cachemodel/binary.hpp>
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Portrait {
    int width = 0;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(width);
    }
};

struct User {
    Key<int> id;
    Binary<Portrait> portrait;
    Field<std::string> email;

#ifdef CACHEMODEL_MISTAKE
    using secondary_keys = SecondaryKeys<By<&User::portrait>>;
#else
    using secondary_keys = SecondaryKeys<By<&User::email>>;
#endif
};

void use() {
    CacheModel user{User{.id = 1}};
    user.save();
}
