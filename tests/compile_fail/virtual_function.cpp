// cachemodel: a model may not have virtual functions.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model is a plain struct: public members, no constructor, no virtual
// expect: function
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
#ifdef CACHEMODEL_MISTAKE
    virtual int age() const { return 1; }
#else
    int age() const { return 1; }
#endif

    Key<int> id;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
