// cachemodel: a secondary key is asked for by a value for each of its members.
// SPDX-License-Identifier: MIT
// expect: cachemodel: give a value for each member of the secondary key, in the order of its
// expect: declaration
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<std::string> first_name;
    Field<std::string> last_name;

    using secondary_keys = SecondaryKeys<By<&User::first_name, &User::last_name>>;
};

void use() {
    const Models<User> users{Cache::open("memory://")};
#ifdef CACHEMODEL_MISTAKE
    users.get_by<&User::first_name, &User::last_name>("Ada");
#else
    users.get_by<&User::first_name, &User::last_name>("Ada", "Lovelace");
#endif
}
