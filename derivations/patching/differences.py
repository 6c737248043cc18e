"""What GNU diff writes of files that it does not compare line by line, in each language that it speaks (diffutils 3.8).

git and busybox write the English lines. diff uses the language of its user.
"""

from __future__ import annotations

import re

from typing import Final


_BINARY: Final = """
Binary files %s and %s differ
A(z) %s és a(z) %s bináris fájlok különböznek
Binaire bestanden %s en %s zijn verschillend
Binarne datoteke %s i %s se razlikuju
Binarne pliki %s i %s różnią się
Binární soubory %s a %s jsou rozdílné
Binärdateien %s und %s sind verschieden.
Binääritiedostot %s ja %s eroavat
Binære filer %s og %s er forskellige
Binærfilene %s og %s er ulike
Binārās datnes %s un %s atšķiras
Ciferecaj dosieroj %s kaj %s estas malsamaj
De binära filerna %s och %s skiljer
Fail binari %s dan %s berbeza
Ficheiros binários %s e %s diferem
File biner %s dan %s berbeda
Fişierele binare %s şi %s diferă
Hai tập tin nhị phân %s và %s khác nhau
I file binari %s e %s sono diversi
Les fichiers binaires %s et %s sont différents
Los ficheros binarios %s y %s son distintos
Os arquivos binários %s e %s são diferentes
Os ficheiros binarios %s e %s son diferentes
İkili %s ve %s birbirinden farklı
Τα δυαδικά αρχεία %s και %s διαφέρουν
Бинарне датотеке %s и %s различите
Двоичните файлове „%s“ и „%s“ се различават
Двоичные файлы %s и %s различаются
Двійкові файли %s та %s відрізняються
バイナリーファイル %s と%s は異なります
二元碼檔 %s 與 %s 不同
二进制文件 %s 和 %s 不同
"""
_DIFFERENT: Final = """
Files %s and %s differ
%s ve %s dosyaları birbirinden farklı
A(z) %s és a(z) %s fájlok különböznek
Berkas %s dan %s berbeda
Bestanden %s en %s zijn verschillend
Dateien %s und %s sind verschieden.
Datnes %s un %s atšķiras
Datoteke %s i %s su različite
Dosieroj %s kaj %s estas malsamaj
Els fitxers %s i %s difereixen
Fail %s dan %s berbeza
Ficheiros %s e %s diferem
Filene %s og %s er ulike
Filerna %s och %s skiljer
Filerne %s og %s er forskellige
Fişierele %s şi %s diferă
Hai tập tin %s và %s là khác nhau.
I file %s e %s sono diversi
Les fichiers %s et %s sont différents
Los ficheros %s y %s son distintos
Os arquivos %s e %s são diferentes
Os ficheiros %s e %s son diferentes
Pliki %s i %s różnią się
Soubory %s a %s jsou různé
Tiedostot %s ja %s eroavat
Tá difríocht idir na comhaid %s agus %s
Τα αρχεία %s και %s διαφέρουν
Датотеке „%s“ и „%s“ су различите
Файли %s та %s відрізняються
Файловете „%s“ и „%s“ се различават
Файлы %s и %s различаются
ファイル %s と %s は異なります
文件 %s 和 %s 不同
檔案 %s 與 %s 不同
"""
_MISSING: Final = """
Only in %s: %s
%s のみに存在: %s
%s-ב קר אצמנ %s
Alleen in %s: %s
Bare i %s: %s
Chỉ trong %s: %s
Csak ebben: %s: %s
Doar în %s: %s
Endast i %s: %s
Hanya dalam %s: %s
Hanya dalam %s: %s
I %s amháin: %s
Kun i %s: %s
Només a %s: %s
Nur en %s: %s
Nur in %s: %s.
Pouze v %s: %s
Samo u %s: %s
Seulement dans %s: %s
Solo in %s: %s
Somente em %s: %s
Só em %s: %s
Só en %s: %s
Sólo en %s: %s
Tikai iekš %s: %s
Tylko w %s: %s
Vain hakemistossa %s: %s
Yalnızca %s'da: %s
Μόνο στο %s: %s
Лише у %s: %s
Само в „%s“: %s
Само у %s: %s
Только в %s: %s
只在 %s 存在：%s
只在 %s 存在：%s
"""


def _any_of(sentences: str) -> re.Pattern[str]:
    """Return a pattern for *sentences*, one a line, in which each `%s` stands for a file's name."""
    return re.compile("|".join(".+".join(map(re.escape, it.split("%s"))) for it in sentences.split("\n") if it))


_DATA_MISSING = _any_of(_BINARY + _DIFFERENT)
_FILE_MISSING = _any_of(_MISSING)


def is_data_missing(line: bytes) -> bool:
    """Return whether *line* says that two files differ, without how."""
    return any(_DATA_MISSING.fullmatch(it) for it in _readings(line))


def is_file_missing(line: bytes) -> bool:
    """Return whether *line* says that a file is in one of two trees only."""
    return any(_FILE_MISSING.fullmatch(it) for it in _readings(line))


def _readings(line: bytes) -> tuple[str, ...]:
    """Return *line* as text: UTF-8, or what was used before it in Western Europe."""
    return line.decode("utf-8", "replace"), line.decode("latin-1")
