// cachemodel: a number is no model.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model is a plain struct: public members, no constructor, no virtual
// expect: function
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    const Models<int> models{Cache::open("memory://")};
#else
    const Models<User> models{Cache::open("memory://")};
#endif
    models.get(1);
}
