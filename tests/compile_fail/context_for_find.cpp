// cachemodel: find of a model whose from_miss needs a context goes through Models.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a from_miss takes a context that is not given; read through Models<M,
// expect: Context&> models{cache, context}
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Database {};

struct User {
    Key<int> id;
    Field<std::string> name;

    void from_miss(Database& database);
};

void use(Database& database) {
#ifdef CACHEMODEL_MISTAKE
    static_cast<void>(database);
    CacheModel<User>::find(1).found();
#else
    const Models<User, Database&> users{Cache::open("memory://"), database};
    users.find(1).found();
#endif
}
