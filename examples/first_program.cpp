// cachemodel example: save a struct, get it back, with what it refers to.
// SPDX-License-Identifier: MIT

// [sample]
#include <cachemodel/cachemodel.hpp>
#include <iostream>

using namespace cachemodel;

struct Workplace {
    Key<std::string> name;
    Field<std::string> phone;
};

struct User {
    Key<std::string> username;
    Field<std::string> email;
    Reference<Workplace> workplace;  // fetched when the user is loaded
};

int main() {
    const CacheModel acme{Workplace{.name = "acme", .phone = "555-0100"}};
    acme.save();
    CacheModel{User{.username = "bob", .email = "bob@example.org", .workplace = acme}}.save();

    auto user = CacheModel<User>::get("bob");  // throws CacheModel<User>::Missing if there is none
    std::cout << user.email << " works at " << user.workplace->phone << '\n';
}
// [/sample]
