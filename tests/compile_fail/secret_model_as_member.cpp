// cachemodel: a model whose keys are secret is no member of another one.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model with secret_keys as a member would show its keys in the entries
#include <cachemodel/cachemodel.hpp>

#include <string>
#include <vector>

using namespace cachemodel;

struct Session {
    static constexpr ModelOptions cache_options{.secret_keys = true};
    Key<std::string> token;
    Field<std::string> user;
};

struct User {
    Key<std::string> name;
#ifdef CACHEMODEL_MISTAKE
    Field<std::vector<Session>> sessions;
#else
    Field<int> sessions;
#endif
};

void use() { CacheModel<User>::get("bob"); }
