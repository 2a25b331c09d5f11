// cachemodel: a model with references is no value for a cache.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model with references is kept by Models or CacheModel, not by Cache
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Author {
    Key<int> id;
};

struct Article {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Reference<Author> author;
#else
    int author = 0;
#endif
};

void use(const Cache& cache) { cache.set("k", Article{}); }
