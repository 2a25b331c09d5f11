// cachemodel: a from_miss that changes its context needs a reference to it.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a from_miss takes a context that is not given; read through Models<M,
// expect: Context&> models{cache, context}
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Database {};

struct User {
    Key<int> id;

    void from_miss(Database& database);
};

void use(Database& database) {
#ifdef CACHEMODEL_MISTAKE
    const Models<User, Database> users{Cache::open("memory://"), database};
#else
    const Models<User, Database&> users{Cache::open("memory://"), database};
#endif
    users.get(1);
}
