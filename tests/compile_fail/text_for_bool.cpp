// cachemodel: a text is no truth value.
// SPDX-License-Identifier: MIT
// expect: Field<bool>
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<bool> active;
    Field<int> score;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    const User user{.id = 1, .active = "false"};
#else
    const User user{.id = 1, .active = false};
#endif
}
