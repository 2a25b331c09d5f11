// cachemodel: the cleaned data of a form are not optional.
// SPDX-License-Identifier: MIT
// expect: cachemodel: cleaned_data() returns a plain struct of what the key is made of
#include <cachemodel/cachemodel.hpp>

#include <optional>
#include <string>

using namespace cachemodel;

struct Search {
    std::string text;
    struct Data {
        std::string text;
    };
#ifdef CACHEMODEL_MISTAKE
    std::optional<Data> cleaned_data() const { return Data{text}; }
#else
    Data cleaned_data() const { return {text}; }
#endif
    int matches() const;
};

const CachedFormMethod<&Search::matches> matches;

void use(const Search& search) { (void)matches(search); }
