// cachemodel: what a secondary key stores are the model's keys.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a secondary key leads to the model's keys, and one of them has a to_cache_key
// expect: but cannot be stored
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

class Country {
 public:
    Country() = default;
    explicit Country(std::string code) : code_(std::move(code)) {}
    friend std::string to_cache_key(const Country& country) { return country.code_; }

 private:
    std::string code_;
};

struct Capital {
#ifdef CACHEMODEL_MISTAKE
    Key<Country> country;
#else
    Key<std::string> country;
#endif
    Field<std::string> name;

    using secondary_keys = SecondaryKeys<By<&Capital::name>>;
};

void use() {
    const Models<Capital> capitals{Cache::open("memory://")};
    capitals.save({});
}
