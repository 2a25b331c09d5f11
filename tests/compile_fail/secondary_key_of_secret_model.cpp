// cachemodel: the entry of a secondary key would show the keys of a secret model.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model with secret_keys has no secondary keys: their entries would show its
// expect: keys
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Session {
    static constexpr ModelOptions cache_options{
#ifdef CACHEMODEL_MISTAKE
        .secret_keys = true,
#endif
    };

    Key<std::string> token;
    Field<std::string> user;

    using secondary_keys = SecondaryKeys<By<&Session::user>>;
};

void use() {
    CacheModel session{Session{.token = "abc"}};
    session.save();
}
