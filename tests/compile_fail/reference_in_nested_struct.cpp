// cachemodel: a Reference may not stand inside of a nested struct.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Reference stands in the model itself, alone or in a std::vector, and in
// expect: no other type
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Workplace {
    Key<std::string> name;
};

struct Job {
    Reference<Workplace> workplace;
};

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<Job> job;
#else
    Reference<Workplace> workplace;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
