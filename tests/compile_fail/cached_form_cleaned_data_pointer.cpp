// cachemodel: the cleaned data of a form may not hold a pointer.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer is no part of a key; write the value, std::string, std::string_view
// expect: or std::optional
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Search {
    std::string text;
    struct Data {
#ifdef CACHEMODEL_MISTAKE
        const char* text;
#else
        std::string text;
#endif
    };
    Data cleaned_data() const { return {text.c_str()}; }
    int matches() const;
};

const CachedFormMethod<&Search::matches> matches;

void use() { (void)matches({"Ada"}); }
