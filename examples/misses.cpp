// cachemodel example: what is not there, and loaders that get it.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>
#include <map>
#include <mutex>

using namespace cachemodel;
using namespace std::chrono_literals;

// [source]
class Database {  // the slow source of truth; usable from any thread
 public:
    struct Row {
        std::string title;
        int pages = 0;
    };

    const Row* book(int id) {
        const std::lock_guard lock{mutex_};
        ++queries;
        const auto row = rows_.find(id);
        return row == rows_.end() ? nullptr : &row->second;
    }

    int queries = 0;

 private:
    std::mutex mutex_;
    const std::map<int, Row> rows_{{1, {"Emma", 474}}, {2, {"Persuasion", 249}}};
};
// [/source]

// [loader]
struct Book {
    static constexpr ModelOptions cache_options{.expires = 1h};
    Key<int> id;
    Field<std::string> title;
    Field<int> pages;

    void from_miss(Database& database) {  // the key is set
        const auto* row = database.book(id);
        if (row == nullptr) throw Missing{};  // the source has none
        title = row->title;
        pages = row->pages;
    }
};
// [/loader]

// [batch]
struct Review {
    Key<int> id;
    Field<std::string> text;

    // For many keys at once: results in any order; what does not come back is absent.
    static std::vector<Review> from_miss_many(std::span<const Review> wanted) {
        std::vector<Review> found;
        for (const auto& review : wanted) {
            if (review.id < 100) found.push_back({.id = *review.id, .text = "good"});
        }
        return found;
    }
};
// [/batch]

int main() {
    // [use]
    Database database;
    const Models<Book, Database&> books{caches()["default"], database};

    std::cout << books.get(1).title << ", " << database.queries << " query\n";
    std::cout << books.get(1).title << ", still " << database.queries << " query\n";
    // [/use]

    // [absent]
    try {
        (void)books.get(3);
    } catch (const Models<Book>::Missing& missing) {
        std::cout << missing.what() << '\n';
    }
    const auto maybe = books.find(3);
    std::cout << maybe.found() << maybe.absent() << maybe.failed() << '\n';
    // [/absent]

    // [many]
    for (const auto& lookup : CacheModel<Review>::get_many({7, 700, 7})) {
        std::cout << (lookup.found() ? *lookup->text : "none") << ' ';
    }
    std::cout << '\n';
    // [/many]

    // [get_or_create]
    const auto [review, created] =
        CacheModel<Review>::get_or_create(Review{.id = 500, .text = "my own"});
    std::cout << review.text << ' ' << created << '\n';  // nothing loaded, nothing saved
    // [/get_or_create]

    // [change]
    // The way to change what a source stands behind: commit there, then remove here.
    books.remove(1);
    // [/change]
}
