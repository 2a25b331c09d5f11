// cachemodel: a result does not hold a model whose keys are secret.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model with secret_keys inside of a result or a part of a key would show
// expect: its keys there; leave it out, or pass it as an argument of its own
#include <cachemodel/cachemodel.hpp>

#include <string>
#include <vector>

using namespace cachemodel;

struct Session {
    static constexpr ModelOptions cache_options{.secret_keys = true};
    Key<std::string> token;
    Field<std::string> user;
};

#ifdef CACHEMODEL_MISTAKE
std::vector<Session> sessions_of(std::string user);
#else
int sessions_of(std::string user);  // how many
#endif

void use() {
    const CachedFunction<&sessions_of> sessions;
    sessions("bob");
}
