// cachemodel: from_miss_by takes the values of a declared secondary key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: write static std::optional<M> from_miss_by(By<...>, values..., contexts...),
// expect: with a value for each member of a secondary key that is declared
#include <cachemodel/cachemodel.hpp>

#include <optional>
#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<std::string> email;

    using secondary_keys = SecondaryKeys<By<&User::email>>;

#ifdef CACHEMODEL_MISTAKE
    static std::optional<User> from_miss_by(const std::string& email);
#else
    static std::optional<User> from_miss_by(By<&User::email>, const std::string& email);
#endif
};

void use() {
    const Models<User> users{Cache::open("memory://")};
    users.get_by<&User::email>("bob");
}
