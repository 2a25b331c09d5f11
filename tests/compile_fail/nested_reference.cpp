// cachemodel: a Reference may not stand inside of another type.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Reference stands in the model itself, alone or in a std::vector, and in
// expect: no other type
#include <cachemodel/cachemodel.hpp>

#include <optional>
#include <string>

using namespace cachemodel;

struct Workplace {
    Key<std::string> name;
};

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<std::optional<Reference<Workplace>>> workplace;
#else
    Reference<Workplace> workplace;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
