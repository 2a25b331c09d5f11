// cachemodel: a model whose keys are secret is an argument of its own.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model with secret_keys inside of a result or a part of a key would show its
// expect: keys there; leave it out, or pass it as an argument of its own
#include <cachemodel/cachemodel.hpp>

#include <optional>
#include <string>

using namespace cachemodel;

struct Session {
    static constexpr ModelOptions cache_options{.secret_keys = true};
    Key<std::string> token;
    Field<std::string> user;
};

#ifdef CACHEMODEL_MISTAKE
int visits(const std::optional<Session>& session);
#else
int visits(const Session& session);
#endif

const CachedFunction<&visits> cached_visits;

void use(const Session& session) { (void)cached_visits(session); }
