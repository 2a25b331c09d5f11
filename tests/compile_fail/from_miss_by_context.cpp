// cachemodel: from_miss_by gets its contexts from the door.
// SPDX-License-Identifier: MIT
// expect: cachemodel: from_miss_by takes a context that is not given; read through Models<M,
// expect: Context&> models{cache, context}
#include <cachemodel/cachemodel.hpp>

#include <optional>
#include <string>

using namespace cachemodel;

struct Database {};

struct User {
    Key<int> id;
    Field<std::string> email;

    using secondary_keys = SecondaryKeys<By<&User::email>>;

    static std::optional<User> from_miss_by(By<&User::email>, const std::string&, Database&);
};

void use(Database& database) {
#ifdef CACHEMODEL_MISTAKE
    const Models<User> users{Cache::open("memory://")};
#else
    const Models<User, Database&> users{Cache::open("memory://"), database};
#endif
    static_cast<void>(database);
    users.get_by<&User::email>("bob");
}
