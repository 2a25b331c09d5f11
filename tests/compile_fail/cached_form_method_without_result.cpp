// cachemodel: a method of a form without a result has nothing to be cached.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a method or function that returns void has nothing to be cached; return the
// expect: value that it computes
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Search {
    std::string text;
    struct Data {
        std::string text;
    };
    Data cleaned_data() const { return {text}; }
#ifdef CACHEMODEL_MISTAKE
    void run() const;
#else
    int run() const;
#endif
};

const CachedFormMethod<&Search::run> run;

void use() { (void)run({"Ada"}); }
