// cachemodel: a floating-point number is no part of a secondary key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a floating-point number is no part of a secondary key: equal values may
// differ expect: in their bits
#include <cachemodel/cachemodel.hpp>

#include <optional>

using namespace cachemodel;

struct Offer {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<std::optional<double>> price;
#else
    Field<std::optional<int>> price;
#endif

    using secondary_keys = SecondaryKeys<By<&Offer::price>>;
};

void use() {
    const Models<Offer> offers{Cache::open("memory://")};
    offers.save({.id = 1});
}
