// cachemodel: contexts are told apart by their types.
// SPDX-License-Identifier: MIT
// expect: cachemodel: two contexts of one type cannot be told apart; give them types of their own
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Database {};

struct User {
    Key<int> id;
    Field<int> score;

    void from_miss(Database& database);
};

void use(Database& database, Database& replica) {
#ifdef CACHEMODEL_MISTAKE
    Models<User, Database&, Database&>{Cache::open("memory://"), database, replica}.get(1);
#else
    Models<User, Database&>{Cache::open("memory://"), database}.get(1);
    (void)replica;
#endif
}
