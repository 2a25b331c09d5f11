// cachemodel: a field that holds a fraction is no integer.
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
    const Field<double> half = 0.5;
    const User user{.id = 1, .score = half};
#else
    const Field<short> half = short{2};
    const User user{.id = 1, .score = half};
#endif
}
