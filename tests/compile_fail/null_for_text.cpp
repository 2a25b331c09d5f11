// cachemodel: nullptr is no text.
// SPDX-License-Identifier: MIT
// expect: Field<std::
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<bool> active;
    Field<std::string> name;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    const User user{.id = 1, .name = nullptr};
#else
    const User user{.id = 1, .name = "Ada"};
#endif
}
