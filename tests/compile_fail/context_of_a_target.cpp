// cachemodel: every loader of what a model leads to gets its context.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a from_miss takes a context that is not given; read through Models<M,
// expect: Context&> models{cache, context}
#include <cachemodel/cachemodel.hpp>

#include <span>
#include <string>
#include <vector>

using namespace cachemodel;

struct Database {};
struct Directory {};

struct Workplace {
    Key<std::string> name;
    Field<std::string> phone;

    static std::vector<Workplace> from_miss_many(std::span<const Workplace> wanted, Directory&);
};

struct User {
    Key<int> id;
    Reference<User> mother;
    std::vector<Reference<Workplace>> workplaces;

    void from_miss(Database& database);
};

void use(Database& database, Directory& directory) {
#ifdef CACHEMODEL_MISTAKE
    static_cast<void>(directory);
    const Models<User, Database&> users{Cache::open("memory://"), database};
#else
    const Models<User, Database&, Directory&> users{Cache::open("memory://"), database, directory};
#endif
    users.get(1);
}
