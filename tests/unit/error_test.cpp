// cachemodel: tests of what is thrown.
// SPDX-License-Identifier: MIT
#include <cachemodel/error.hpp>

#include "support/catch.hpp"

#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace cachemodel;

struct User {};
struct Order {};

}  // namespace

TEST_CASE("every error of ours is an Error, and an std::runtime_error", "[error][unit]") {
    CHECK(std::is_base_of_v<std::runtime_error, Error>);
    CHECK(std::is_base_of_v<Error, Missing>);
    CHECK(std::is_base_of_v<Missing, MissingModel<User>>);
    CHECK_FALSE(std::is_base_of_v<MissingModel<Order>, MissingModel<User>>);
    CHECK(std::is_base_of_v<Error, BackendError>);
    CHECK(std::is_base_of_v<BackendError, ValueTooLarge>);
    CHECK(std::is_base_of_v<Error, InvalidKey>);
    CHECK(std::is_base_of_v<Error, IncompleteKey>);
    CHECK(std::is_base_of_v<Error, UnloadedReference>);
    CHECK(std::is_base_of_v<Error, ConfigError>);
}

TEST_CASE("a Missing says which model and key", "[error][unit]") {
    const Missing missing{"User", "User:username=bob"};
    CHECK(missing.model() == "User");
    CHECK(missing.key() == "User:username=bob");
    CHECK_FALSE(missing.broken_reference().has_value());
    CHECK(missing.what() == std::string{"there is no User: User:username=bob"});
}

TEST_CASE("a Missing without a model means that the source has none", "[error][unit]") {
    const Missing missing{};
    CHECK(missing.model().empty());
    CHECK(missing.key().empty());
    CHECK(missing.what() == std::string{"the source has none"});
}

TEST_CASE("a Missing of one model is caught by its model and by Missing", "[error][unit]") {
    CHECK_THROWS_AS(throw MissingModel<User>("User", "k"), MissingModel<User>);
    CHECK_THROWS_AS(throw MissingModel<User>("User", "k"), Missing);
}

TEST_CASE("a Missing because of a broken reference names both ends", "[error][unit]") {
    const Missing missing{
        "User", "User:username=bob",
        BrokenReference{"User", "User:username=eve", "Workplace", "Workplace:name=acme"}};
    REQUIRE(missing.broken_reference().has_value());
    CHECK(missing.broken_reference()->from_key == "User:username=eve");
    CHECK(missing.broken_reference()->to_model == "Workplace");
    const std::string message = missing.what();
    for (const char* part : {"Workplace:name=acme", "User:username=eve", "User:username=bob"}) {
        INFO(part);
        CHECK(message.find(part) != std::string::npos);
    }
}

TEST_CASE("a BackendError says why", "[error][unit]") {
    const BackendError error{BackendFault::timeout, "no answer from 10.0.0.1:11211"};
    CHECK(error.fault() == BackendFault::timeout);
    CHECK(error.what() == std::string{"timeout: no answer from 10.0.0.1:11211"});

    CHECK(to_string(BackendFault::unavailable) == "unavailable");
    CHECK(to_string(BackendFault::full) == "full");
    CHECK(to_string(BackendFault::auth) == "auth");
    CHECK(to_string(BackendFault::permission) == "permission");
    CHECK(to_string(BackendFault::protocol) == "protocol");
    CHECK(to_string(BackendFault::unsupported) == "unsupported");
    CHECK(to_string(BackendFault::value_too_large) == "value too large");
}

TEST_CASE("a ValueTooLarge gives size and limit", "[error][unit]") {
    const ValueTooLarge error{2'000'000, 1'048'512};
    CHECK(error.size() == 2'000'000);
    CHECK(error.limit() == 1'048'512);
    CHECK(error.fault() == BackendFault::value_too_large);
    CHECK(error.what() == std::string{"value too large: 2000000 bytes, the limit is 1048512"});
}

TEST_CASE("an IncompleteKey names every key that is not set", "[error][unit]") {
    const IncompleteKey error{"Seat", {"row", "number"}};
    CHECK(error.model() == "Seat");
    CHECK(error.unset() == std::vector<std::string>{"row", "number"});
    const std::string message = error.what();
    CHECK(message.find("Seat") != std::string::npos);
    CHECK(message.find("row") != std::string::npos);
    CHECK(message.find("number") != std::string::npos);
}

TEST_CASE("a Failure keeps the exception as it was thrown", "[error][unit]") {
    SECTION("of a backend") {
        const Failure failure{ValueTooLarge{10, 5}};
        CHECK(failure.fault() == BackendFault::value_too_large);
        CHECK(failure.message() == "value too large: 10 bytes, the limit is 5");
        CHECK_THROWS_AS(failure.rethrow(), ValueTooLarge);
    }
    SECTION("of a backend, kept by pointer") {
        const Failure failure{std::make_exception_ptr(ValueTooLarge{10, 5})};
        CHECK(failure.fault() == BackendFault::value_too_large);
        CHECK_THROWS_AS(failure.rethrow(), ValueTooLarge);
    }
    SECTION("made from its parts") {
        const Failure failure{BackendFault::protocol, "nonsense"};
        CHECK(failure.fault() == BackendFault::protocol);
        CHECK(failure.message() == "protocol: nonsense");
        CHECK_THROWS_AS(failure.rethrow(), BackendError);
    }
    SECTION("of a loader") {
        const Failure failure{std::make_exception_ptr(std::out_of_range{"row 7"})};
        CHECK_FALSE(failure.fault().has_value());
        CHECK(failure.message() == "row 7");
        CHECK_THROWS_AS(failure.rethrow(), std::out_of_range);
    }
    SECTION("that is no std::exception") {
        const Failure failure{std::make_exception_ptr(7)};
        CHECK_FALSE(failure.fault().has_value());
        CHECK(failure.message() == "an exception that is no std::exception");
        CHECK_THROWS_AS(failure.rethrow(), int);
    }
}
