// cachemodel: a model may not have private members.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model is a plain struct: public members, no constructor, no virtual
// expect: function
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE

 private:
#endif
    int score_ = 0;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
