// cachemodel: a fraction is no integer.
// SPDX-License-Identifier: MIT
// expect: Field<int>
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<bool> active;
    Field<int> score;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    const User user{.id = 1, .score = 3.7};
#else
    const User user{.id = 1, .score = 3};
#endif
}
