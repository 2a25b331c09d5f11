// cachemodel: the target of a Reference must be defined where the model is used.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model, or what a Reference points to, is only declared here; define it
// expect: before it is used
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Workplace;

struct User {
    Key<int> id;
    Reference<Workplace> workplace;
};

#ifndef CACHEMODEL_MISTAKE
struct Workplace {
    Key<std::string> name;
};
#endif

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
