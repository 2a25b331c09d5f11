// cachemodel: what changing stored models does, whatever their cache is made of.
// SPDX-License-Identifier: MIT
#include "support/update_behaviour.hpp"

#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/forked.hpp"

#include <atomic>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace cachemodel::support {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

struct Page {
    static constexpr ModelOptions cache_options{.name = "UpdatedPage"};

    Key<std::string> path;
    Field<std::string> text;
    Field<int> visits;
};

struct Square {
    static constexpr ModelOptions cache_options{.name = "UpdatedSquare"};

    Key<int> column;
    Key<int> row;
    Field<std::string> piece;
};

struct Shelf {
    std::map<std::string, int> copies;
    int questions = 0;
};

struct Book {
    static constexpr ModelOptions cache_options{.expires = 1h, .name = "UpdatedBook"};

    Key<std::string> title;
    Field<int> copies;

    void from_miss(Shelf& shelf) {
        ++shelf.questions;
        const auto found = shelf.copies.find(*title);
        if (found == shelf.copies.end()) throw Missing{};
        copies = found->second;
    }
};

/// Loaded in two steps.
struct Volume {
    static constexpr ModelOptions cache_options{.expires = 1h, .name = "UpdatedVolume"};

    Key<std::string> title;
    Field<int> copies;
    Field<int> readers;

    void from_miss(Shelf& shelf) {
        ++shelf.questions;
        copies = shelf.copies[*title];
    }
    void complete(Shelf& shelf) {
        ++shelf.questions;
        readers = 7;
    }
};

void count_up(Page& page) { *page.visits += 1; }

/// One of many that count, each until its share is done; one that meets too many others goes on.
void keep_counting(const Models<Page>& pages, int times) {
    for (int done = 0; done < times;) {
        try {
            pages.update("/", &count_up);
            ++done;
        } catch (const Conflict&) {
            std::this_thread::yield();
        }
    }
}

}  // namespace

void check_update_behaviour(const Cache& cache) {
    const Models<Page> pages{cache};
    const Models<Square> squares{cache};
    void (*const count)(Page&) = &count_up;

    SECTION("update changes what is stored, and gives it") {
        pages.save({.path = "/", .text = "hello", .visits = 4});
        const Page page = pages.update("/", count);
        CHECK(page.path == "/");
        CHECK(page.text == "hello");
        CHECK(page.visits == 5);
        CHECK(pages.get("/").visits == 5);
        CHECK(pages.get("/").text == "hello");
    }
    SECTION("update takes keys in every form") {
        squares.save({.column = 1, .row = 2, .piece = "rook"});
        const auto set = [](std::string piece) {
            return [piece](Square& square) { square.piece = piece; };
        };
        CHECK(squares.update(1, 2, set("king")).piece == "king");
        CHECK(squares.update(std::tuple{1, 2}, set("queen")).piece == "queen");
        CHECK(squares.update({.column = 1, .row = 2}, set("pawn")).piece == "pawn");
        CHECK(squares.get(1, 2).piece == "pawn");
    }
    SECTION("a function that returns false leaves the model as it is stored") {
        pages.save({.path = "/", .visits = 4});
        int runs = 0;
        const Page page = pages.update("/", [&](Page& changed) {
            ++runs;
            *changed.visits = 100;
            return false;
        });
        CHECK(runs == 1);
        CHECK(page.visits == 4);
        CHECK(pages.get("/").visits == 4);
        CHECK(pages
                  .update("/",
                          [](Page& changed) {
                              *changed.visits = 7;
                              return true;
                          })
                  .visits == 7);
        CHECK(pages.get("/").visits == 7);
    }
    SECTION("what the function throws leaves update, and nothing is written") {
        pages.save({.path = "/", .visits = 4});
        const auto fail = [](Page& page) {
            *page.visits = 100;
            throw std::domain_error{"not so"};
        };
        CHECK_THROWS_AS(pages.update("/", fail), std::domain_error);
        CHECK(pages.get("/").visits == 4);
    }
    SECTION("a function may not change keys") {
        pages.save({.path = "/", .visits = 4});
        CHECK_THROWS_AS(pages.update("/", [](Page& page) { page.path = "/other"; }), InvalidKey);
        CHECK_THROWS_WITH(pages.update("/", [](Page& page) { page.path = "/other"; }),
                          Contains(pages.key_for("/")) && Contains(pages.key_for("/other")));
        CHECK_THROWS_AS(pages.update("/", [](Page& page) { page.path = {}; }), Error);
        CHECK_FALSE(pages.exists("/other"));
        CHECK(pages.get("/").visits == 4);
    }
    SECTION("there is nothing to update where nothing is stored") {
        int runs = 0;
        const auto run = [&](Page&) { ++runs; };
        CHECK_THROWS_AS(pages.update("/", run), Models<Page>::Missing);
        CHECK_THROWS_AS(pages.update(Page{}, run), IncompleteKey);
        CHECK(runs == 0);
        CHECK_FALSE(pages.exists("/"));
    }
    SECTION("who comes in between is not overwritten: the function runs again on what is new") {
        pages.save({.path = "/", .text = "old", .visits = 4});
        int runs = 0;
        const Page page = pages.update("/", [&](Page& changed) {
            if (++runs == 1) pages.save({.path = "/", .text = "new", .visits = 10});
            *changed.visits += 1;
        });
        CHECK(runs == 2);
        CHECK(page.visits == 11);
        CHECK(page.text == "new");
        CHECK(pages.get("/").visits == 11);
    }
    SECTION("who removes in between ends the update") {
        pages.save({.path = "/", .visits = 4});
        int runs = 0;
        const auto remove_first = [&](Page& changed) {
            ++runs;
            pages.remove("/");
            *changed.visits += 1;
        };
        CHECK_THROWS_AS(pages.update("/", remove_first), Missing);
        CHECK(runs == 1);
        CHECK_FALSE(pages.exists("/"));
    }
    SECTION("with others in between at every attempt an update gives up") {
        pages.save({.path = "/", .visits = 0});
        int runs = 0;
        const auto meet = [&](Page& changed) {
            pages.save({.path = "/", .visits = ++runs});
            *changed.visits = -1;
        };
        CHECK_THROWS_AS(pages.update("/", meet), Conflict);
        CHECK(runs == 100);
        CHECK(pages.get("/").visits == 100);
    }
    SECTION("a model with a loader is loaded before it is updated") {
        Shelf shelf{.copies = {{"Emma", 3}}};
        const Models<Book, Shelf&> books{cache, shelf};
        const auto add_one = [](Book& book) { *book.copies += 1; };
        CHECK(books.update("Emma", add_one).copies == 4);
        CHECK(books.get("Emma").copies == 4);
        CHECK(books.update("Emma", add_one).copies == 5);
        CHECK(shelf.questions == 1);
        CHECK_THROWS_AS(books.update("Sanditon", add_one), Models<Book>::Missing);
        CHECK(shelf.questions == 2);
        const Models<Book, Shelf&> bypass{cache.bypass(), shelf};
        CHECK(bypass.update("Emma", add_one).copies == 4);  // of the source, and not stored
        CHECK(books.get("Emma").copies == 5);
    }

    SECTION("a model that is loaded in two steps is loaded as a whole before it is updated") {
        Shelf shelf{.copies = {{"Emma", 3}}};
        const Models<Volume, Shelf&> volumes{cache, shelf};
        const Volume volume = volumes.update("Emma", [](Volume& changed) { *changed.copies += 1; });
        CHECK(volume.copies == 4);
        CHECK(volume.readers == 7);
        CHECK(volumes.get("Emma").copies == 4);
        CHECK(volumes.get("Emma").readers == 7);
        CHECK(shelf.questions == 2);
    }

    SECTION("an object that was read is saved if nobody changed its entry") {
        pages.save({.path = "/", .text = "hello", .visits = 1});
        auto mine = pages.find("/");
        auto yours = pages.find("/");
        yours->visits = 2;
        pages.save_if_unchanged(yours);
        CHECK(pages.get("/").visits == 2);
        mine->visits = 3;
        CHECK_THROWS_AS(pages.save_if_unchanged(mine), Conflict);
        CHECK_THROWS_WITH(pages.save_if_unchanged(mine), Contains(pages.key_for("/")));
        CHECK(pages.get("/").visits == 2);
        yours->visits = 4;
        pages.save_if_unchanged(yours);
        yours->visits = 5;
        pages.save_if_unchanged(yours, 1h);
        CHECK(pages.get("/").visits == 5);
        CHECK(pages.get("/").text == "hello");
    }
    SECTION("what was removed or lost is not stored again") {
        pages.save({.path = "/", .visits = 1});
        auto read = pages.get_many({"/"});
        pages.remove("/");
        CHECK_THROWS_AS(pages.save_if_unchanged(read[0]), Conflict);
        CHECK_FALSE(pages.exists("/"));
        pages.save({.path = "/", .visits = 9});
        CHECK_THROWS_AS(pages.save_if_unchanged(read[0]), Conflict);
        CHECK(pages.get("/").visits == 9);
    }
    SECTION("what was touched is unchanged") {
        pages.save({.path = "/", .visits = 1});
        auto read = pages.find("/");
        CHECK(pages.touch("/", 1500ms));
        CHECK(pages.touch("/", 1h));
        read->visits = 2;
        pages.save_if_unchanged(read);
        CHECK(pages.get("/").visits == 2);
    }
    SECTION("another entry than the one that was read is not overwritten") {
        pages.save_many(
            std::vector<Page>{{.path = "/a", .visits = 1}, {.path = "/b", .visits = 1}});
        auto read = pages.find("/a");
        read->path = "/b";
        CHECK_THROWS_AS(pages.save_if_unchanged(read), Conflict);
        read->path = "/c";
        CHECK_THROWS_AS(pages.save_if_unchanged(read), Conflict);
        CHECK_FALSE(pages.exists("/c"));
    }
    SECTION("a lookup that found nothing has nothing to save") {
        auto read = pages.find("/");
        CHECK_THROWS_AS(pages.save_if_unchanged(read), Models<Page>::Missing);
    }
    SECTION("saved for no time, it is gone, unless it changed") {
        pages.save({.path = "/", .visits = 1});
        auto mine = pages.find("/");
        auto yours = pages.find("/");
        pages.save_if_unchanged(yours, 0s);
        CHECK_FALSE(pages.exists("/"));
        CHECK_THROWS_AS(pages.save_if_unchanged(mine, 0s), Conflict);
        yours->visits = 2;
        pages.save_if_unchanged(yours);  // nothing is there, as it left it
        CHECK(pages.get("/").visits == 2);
        CHECK_THROWS_AS(pages.save_if_unchanged(mine, 0s), Conflict);
        CHECK(pages.exists("/"));
    }
    SECTION("what a loader brought, and was stored, is saved if nobody changed it") {
        Shelf shelf{.copies = {{"Emma", 3}}};
        const Models<Book, Shelf&> books{cache, shelf};
        auto mine = books.find("Emma");
        auto yours = books.find("Emma");
        CHECK(shelf.questions == 1);
        *mine->copies = 4;
        books.save_if_unchanged(mine);
        CHECK(books.get("Emma").copies == 4);
        CHECK_THROWS_AS(books.save_if_unchanged(yours), Conflict);
    }
    SECTION("what stands there broken is nothing") {
        const auto key = pages.key_for("/");
        cache.set_raw(key, "broken", never);
        CHECK_THROWS_AS(pages.update("/", count), Missing);
        auto [page, created] = pages.get_or_create({.path = "/", .visits = 8});
        REQUIRE(created);
        pages.save(page);
        CHECK(pages.update("/", count).visits == 9);
    }
}

void check_updates_among_threads(const Cache& cache) {
    constexpr int threads = 8;
    constexpr int times = 50;
    const Models<Page> pages{cache};
    pages.save({.path = "/", .visits = 0});
    std::vector<std::thread> counters;
    for (int i = 0; i < threads; ++i) counters.emplace_back([&] { keep_counting(pages, times); });
    for (auto& counter : counters) counter.join();
    CHECK(pages.get("/").visits == 400);
}

void check_updates_among_processes(const std::function<Cache()>& open) {
    constexpr int times = 50;
    const auto work = [&] {
        const Models<Page> pages{open()};
        std::thread other{[&] { keep_counting(pages, times); }};
        keep_counting(pages, times);
        other.join();
        return true;
    };
    const Gate ready;
    const auto wait_and_work = [&] {
        ready.wait();
        return work();
    };
    Forked first{wait_and_work};
    Forked second{wait_and_work};
    const Models<Page> pages{open()};
    pages.save({.path = "/", .visits = 0});
    ready.open();
    ready.open();
    CHECK(first.succeeded());
    CHECK(second.succeeded());
    CHECK(pages.get("/").visits == 200);
}

}  // namespace cachemodel::support
