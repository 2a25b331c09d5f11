// cachemodel: a result of a method of a form may not be a view either.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result that is or holds a view does not own what it shows; return
// expect: std::string or std::vector
#include <cachemodel/cachemodel.hpp>

#include <span>
#include <string>
#include <vector>

using namespace cachemodel;

struct Search {
    std::string text;
    struct Data {
        std::string text;
    };
    Data cleaned_data() const { return {text}; }
#ifdef CACHEMODEL_MISTAKE
    std::span<const int> matches() const;
#else
    std::vector<int> matches() const;
#endif
};

const CachedFormMethod<&Search::matches> matches;

void use() { (void)matches({"Ada"}); }
