// cachemodel: finding models that are loaded in two steps by what the second step brings.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;

namespace secondary_parts_test {

/// Users by their number: name and address.
struct Directory {
    struct Row {
        std::string name;
        std::string email;
    };
    std::map<int, Row> rows = {{1, {"bob", "bob@example.org"}}};
    int asked = 0;
    int searched = 0;

    const Row& row(int id) {
        ++asked;
        return rows.at(id);
    }
};

/// Which `complete` gives its address.
struct User {
    static constexpr ModelOptions cache_options{.expires = 1h, .lease_wait = 0s, .name = "User"};

    Key<int> id;
    Field<std::string> name;
    Field<std::string> email;
    std::optional<std::string> nick;

    using secondary_keys = SecondaryKeys<By<&User::name>, By<&User::email>,
                                         By<&User::name, &User::email>, By<&User::nick>>;

    void from_miss(Directory& directory) { name = directory.row(*id).name; }
    void complete(Directory& directory) {
        email = directory.row(*id).email;
        nick = "b";
    }
    static std::optional<User> from_miss_by(By<&User::name>, const std::string& name,
                                            Directory& directory) {
        return search(directory, [&](const auto& row) { return row.name == name; });
    }
    static std::optional<User> from_miss_by(By<&User::email>, const std::string& email,
                                            Directory& directory) {
        return search(directory, [&](const auto& row) { return row.email == email; });
    }
    static std::optional<User> from_miss_by(By<&User::name, &User::email>, const std::string& name,
                                            const std::string& email, Directory& directory) {
        return search(directory,
                      [&](const auto& row) { return row.name == name && row.email == email; });
    }

    template <class Predicate>
    static std::optional<User> search(Directory& directory, Predicate is_wanted) {
        ++directory.searched;
        for (const auto& [id, row] : directory.rows) {
            if (is_wanted(row)) return User{.id = id};
        }
        return std::nullopt;
    }
};

struct Rig : support::LoadRig {
    Directory directory;
    Models<User, Directory&> users{cache, directory};

    Lookup<User> by_email(const std::string& email) { return users.find_by<&User::email>(email); }
};

}  // namespace secondary_parts_test

using namespace secondary_parts_test;

TEST_CASE("what its source finds by what complete brings is found in part",
          "[secondary_keys][complete][unit]") {
    Rig rig;
    const auto part = rig.by_email("bob@example.org");
    REQUIRE(part.found());
    CHECK(part->name == "bob");
    CHECK(part->email == "");
    // While it is a part, nothing leads to it.
    CHECK(rig.scripted->keys().empty());
    CHECK(rig.by_email("bob@example.org").found());
    CHECK(rig.users.get_by<&User::name>("bob").id == 1);
    const auto by_both = rig.users.find_by<&User::name, &User::email>("bob", "bob@example.org");
    CHECK(by_both.found());
    CHECK(rig.scripted->keys().empty());
    CHECK(rig.directory.asked == 1);

    rig.executor->run_all();
    rig.directory.searched = 0;
    CHECK(rig.users.get_by<&User::email>("bob@example.org").email == "bob@example.org");
    CHECK(rig.users.get_by<&User::name>("bob").email == "bob@example.org");
    CHECK(rig.users.get_by<&User::nick>("b").id == 1);
    CHECK(rig.directory.searched == 0);
    CHECK(rig.by_email("").absent());
}

TEST_CASE("what is there whole is found without its source once that has told it again",
          "[secondary_keys][complete][unit]") {
    Rig rig;
    CHECK(rig.by_email("bob@example.org").found());
    rig.executor->run_all();
    CHECK(rig.scripted->lose("*email*") > 0);
    rig.directory.searched = 0;
    CHECK(rig.by_email("bob@example.org").found());
    CHECK(rig.by_email("bob@example.org").found());
    CHECK(rig.directory.searched == 1);
}

TEST_CASE("a pointer to what is there in part is believed only where the source says so",
          "[secondary_keys][complete][unit]") {
    Rig rig;
    rig.users.save({.id = 1, .name = "bob", .email = "bob@example.org", .nick = "b"});
    CHECK(rig.scripted->lose("*id=1") == 1);
    SECTION("it says so") {
        CHECK(rig.by_email("bob@example.org").found());
        CHECK(rig.directory.searched == 1);
    }
    SECTION("it has another address by now") {
        rig.directory.rows[1].email = "bob@example.com";
        CHECK(rig.by_email("bob@example.org").absent());
        CHECK(rig.by_email("bob@example.com").found());
        rig.executor->run_all();
        CHECK(rig.by_email("bob@example.org").reason() == MissReason::other_object);
        CHECK(rig.by_email("bob@example.com")->email == "bob@example.com");
    }
    SECTION("it cannot be asked") {
        CHECK(rig.users.find_by<&User::nick>("b").reason() == MissReason::other_object);
        rig.executor->run_all();
        CHECK(rig.users.get_by<&User::nick>("b").id == 1);
    }
    SECTION("it need not be asked for what the part has") {
        CHECK(rig.users.get_by<&User::name>("bob").id == 1);
        CHECK(rig.directory.searched == 0);
    }
}
