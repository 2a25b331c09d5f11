// cachemodel example: finding a model by other members than its keys.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>
#include <map>
#include <optional>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;

// [model]
struct User {
    static constexpr ModelOptions cache_options{.expires = 1h};

    Key<std::string> username;
    Field<std::string> email;
    Field<std::string> first_name;
    Field<std::string> last_name;
    std::optional<std::string> phone;  // no one is found by an empty one

    // Behind the members that they name.
    using secondary_keys =
        SecondaryKeys<By<&User::email>, By<&User::phone>, By<&User::first_name, &User::last_name>>;
};
// [/model]

// [source]
struct Database {
    std::map<int, std::string> titles{{1, "Emma"}, {2, "Persuasion"}};
    int queries = 0;
};
// [/source]

// [loader]
struct Book {
    static constexpr ModelOptions cache_options{.expires = 1h};

    Key<int> id;
    Field<std::string> title;

    using secondary_keys = SecondaryKeys<By<&Book::title>>;

    void from_miss(Database& database) {
        ++database.queries;
        const auto found = database.titles.find(*id);
        if (found == database.titles.end()) throw Missing{};
        title = found->second;
    }

    // One such function for each secondary key that the source can be asked for.
    static std::optional<Book> from_miss_by(By<&Book::title>, const std::string& title,
                                            Database& database) {
        ++database.queries;
        for (const auto& [id, name] : database.titles) {
            if (name == title) return Book{.id = id};  // its keys; the rest comes with from_miss
        }
        return std::nullopt;
    }
};
// [/loader]

int main() {
    // [use]
    CacheModel bob{User{.username = "bob", .email = "bob@example.org", .first_name = "Bob"}};
    bob.save();  // one round trip for the user and what it is found by

    std::cout << CacheModel<User>::get_by<&User::email>("bob@example.org").username << '\n';
    std::cout << CacheModel<User>::find_by<&User::first_name, &User::last_name>("Bob", "").found()
              << '\n';
    // [/use]

    // [changed]
    bob.email = "bob@example.com";
    bob.save();
    const auto by_old = CacheModel<User>::find_by<&User::email>("bob@example.org");
    std::cout << by_old.absent() << ' ' << to_string(by_old.reason()) << '\n';
    std::cout << CacheModel<User>::find_by<&User::email>("bob@example.com").found() << '\n';
    // [/changed]

    // [many]
    for (const auto& user :
         CacheModel<User>::get_many_by<&User::email>({"bob@example.com", "eve@example.com"})) {
        std::cout << (user.found() ? *user->username : "nobody") << '\n';
    }
    // [/many]

    // [loaded]
    Database database;
    const Models<Book, Database&> books{caches()["default"], database};
    std::cout << books.get_by<&Book::title>("Emma").id << ", " << database.queries << " queries\n";
    std::cout << books.get_by<&Book::title>("Emma").id << ", still " << database.queries << '\n';
    std::cout << books.find_by<&Book::title>("Sanditon").absent() << '\n';
    // [/loaded]
}
