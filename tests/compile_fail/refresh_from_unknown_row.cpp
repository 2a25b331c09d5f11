// cachemodel: a model says which rows it can be read from.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the model has no void from_source(const Row&) for rows of this type
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Row {
    int id;
};
struct OtherRow {
    int id;
};

struct User {
    Key<int> id;

    void from_source(const Row& row) { id = row.id; }
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    CacheModel<User>::refresh_from(OtherRow{1});
#else
    CacheModel<User>::refresh_from(Row{1});
#endif
}
